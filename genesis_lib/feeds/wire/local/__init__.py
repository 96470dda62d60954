"""The local venue: Binance's protocol on loopback, from a recording or the simulator, with faults on demand."""
