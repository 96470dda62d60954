"""How fast each stage is, and how much faster than what people use today: both sides measured in one run."""
