"""Order flow that is made: a market of many small traders, planted episodes, and their labels."""
