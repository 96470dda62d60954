"""Live markets: connections that are kept, symbols that heal alone, and the recorder of it all."""
