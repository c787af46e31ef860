"""Several runs trained as one stack of adapters over a frozen base."""
