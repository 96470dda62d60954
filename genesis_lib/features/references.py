"""The papers that features cite by author and year, in full."""

from __future__ import annotations

REFERENCES = {
    "Amihud 2002": "Illiquidity and stock returns: cross-section and time-series effects, "
    "Journal of Financial Markets 5, 31-56",
    "Andersen & Bollerslev 1997": "Intraday periodicity and volatility persistence in financial markets, "
    "Journal of Empirical Finance 4, 115-158",
    "Andersen & Bollerslev 1998": "Answering the skeptics: yes, standard volatility models do provide accurate "
    "forecasts, International Economic Review 39, 885-905",
    "Bacry & Muzy 2014": "Hawkes model for price and trades high-frequency dynamics, "
    "Quantitative Finance 14, 1147-1166",
    "Barndorff-Nielsen & Shephard 2004": "Power and bipower variation with stochastic volatility and jumps, "
    "Journal of Financial Econometrics 2, 1-37",
    "Barndorff-Nielsen, Kinnebrock & Shephard 2010": "Measuring downside risk: realised semivariance, "
    "in Volatility and Time Series Econometrics, Oxford University Press, 117-136",
    "Bessembinder 2003": "Issues in assessing trade execution costs, Journal of Financial Markets 6, 233-257",
    "Cao, Hansch & Wang 2009": "The information content of an open limit-order book, "
    "Journal of Futures Markets 29, 16-41",
    "Cartea, Donnelly & Jaimungal 2018": "Enhancing trading strategies with order book signals, "
    "Applied Mathematical Finance 25, 1-35",
    "Cont & de Larrard 2013": "Price dynamics in a Markovian limit order market, "
    "SIAM Journal on Financial Mathematics 4, 1-25",
    "Cont, Cucuringu & Zhang 2023": "Cross-impact of order flow imbalance in equity markets, "
    "Quantitative Finance 23, 1373-1393",
    "Cont, Kukanov & Stoikov 2014": "The price impact of order book events, "
    "Journal of Financial Econometrics 12, 47-88",
    "Cont, Stoikov & Talreja 2010": "A stochastic model for order book dynamics, Operations Research 58, 549-563",
    "Easley, Lopez de Prado & O'Hara 2012": "Flow toxicity and liquidity in a high-frequency world, "
    "Review of Financial Studies 25, 1457-1493",
    "Engle & Russell 1998": "Autoregressive conditional duration: a new model for irregularly spaced transaction data, "
    "Econometrica 66, 1127-1162",
    "Farmer, Gillemot, Lillo, Mike & Sen 2004": "What really causes large price changes?, "
    "Quantitative Finance 4, 383-397",
    "Foucault, Kadan & Kandel 2005": "Limit order book as a market for liquidity, "
    "Review of Financial Studies 18, 1171-1217",
    "Gatheral & Oomen 2010": "Zero-intelligence realized variance estimation, Finance and Stochastics 14, 249-283",
    "Glosten & Harris 1988": "Estimating the components of the bid/ask spread, "
    "Journal of Financial Economics 21, 123-142",
    "Hansen, Kim & Kimbrough 2024": "Periodicity in cryptocurrency volatility and liquidity, "
    "Journal of Financial Econometrics 22, 224-251",
    "Hasbrouck & Saar 2009": "Technology and liquidity provision: the blurring of traditional definitions, "
    "Journal of Financial Markets 12, 143-172",
    "Hasbrouck 2009": "Trading costs and returns for U.S. equities: estimating effective costs from daily data, "
    "Journal of Finance 64, 1445-1477",
    "Hawkes 1971": "Spectra of some self-exciting and mutually exciting point processes, Biometrika 58, 83-90",
    "Hendershott, Jones & Menkveld 2011": "Does algorithmic trading improve liquidity?, Journal of Finance 66, 1-33",
    "Huang & Stoll 1996": "Dealer versus auction markets: a paired comparison of execution costs on NASDAQ and the "
    "NYSE, Journal of Financial Economics 41, 313-357",
    "Huang & Tauchen 2005": "The relative contribution of jumps to total price variance, "
    "Journal of Financial Econometrics 3, 456-499",
    "Kempf, Mayston, Gehde-Trapp & Yadav 2015": "Resiliency: a dynamic view of liquidity, CFR Working Paper 15-04",
    "Kyle 1985": "Continuous auctions and insider trading, Econometrica 53, 1315-1335",
    "Large 2007": "Measuring the resiliency of an electronic limit order book, Journal of Financial Markets 10, 1-25",
    "Lee & Ready 1991": "Inferring trade direction from intraday data, Journal of Finance 46, 733-746",
    "Lillo & Farmer 2004": "The long memory of the efficient market, "
    "Studies in Nonlinear Dynamics & Econometrics 8, number 3",
    "Naes & Skjeltorp 2006": "Order book characteristics and the volume-volatility relation: empirical evidence from a "
    "limit order market, Journal of Financial Markets 9, 408-432",
    "Parkinson 1980": "The extreme value method for estimating the variance of the rate of return, "
    "Journal of Business 53, 61-65",
    "Roll 1984": "A simple implicit measure of the effective bid-ask spread in an efficient market, "
    "Journal of Finance 39, 1127-1139",
    "Stoikov 2018": "The micro-price: a high-frequency estimator of future prices, Quantitative Finance 18, 1959-1966",
    "Xu, Gould & Howison 2019": "Multi-level order-flow imbalance in a limit order book, "
    "Market Microstructure and Liquidity 4 (2018), 1950011",
    "Zhang, Zohren & Roberts 2019": "DeepLOB: deep convolutional neural networks for limit order books, "
    "IEEE Transactions on Signal Processing 67, 3001-3012",
}
