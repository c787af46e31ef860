"""The tables that `results` prints beside its rates and differences."""
