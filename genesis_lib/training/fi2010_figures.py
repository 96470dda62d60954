"""F1 on FI-2010 as papers claim it and as others found it when they ran the same models again, in percent.

Sources average over the classes in more than one way, so a model is compared by both: plainly, and by support.
"""

from __future__ import annotations

from dataclasses import dataclass

HORIZONS = (10, 20, 50, 100)  # events ahead that the papers have in common


@dataclass(frozen=True)
class Figure:
    """F1 at `HORIZONS` of one model by one source; `how` is ``claimed`` or ``reproduced`` by others.

    All are of the setup of seven training and three test days.
    """

    model: str
    how: str
    source: str
    f1: tuple[float, float, float, float]


ZHANG = 'Z. Zhang, S. Zohren, S. Roberts, "DeepLOB", IEEE Transactions on Signal Processing 67(11), 2019'
PRATA = 'M. Prata et al., "LOB-based deep learning models for stock price trend prediction", AI Review 57, 2024'
TRAN = 'D. T. Tran et al., "Data normalization for bilinear structures in financial time-series", ICPR 2020'
BERTI = 'L. Berti, G. Kasneci, "TLOB", arXiv:2502.15757, 2025'

FIGURES = (
    Figure("DeepLOB", "claimed", ZHANG, (83.4, 72.8, 80.4, 76.8)),
    Figure("DeepLOB", "reproduced", PRATA, (68.8, 60.3, 72.9, 74.4)),
    Figure("BiN-CTABL", "claimed", TRAN, (81.0, 71.2, 88.1, 92.1)),
    Figure("MLPLOB", "claimed", BERTI, (81.6, 84.9, 91.4, 92.6)),
    Figure("TLOB", "claimed", BERTI, (81.6, 82.7, 90.0, 92.8)),
)
