"""Tables of rates: by arm and slice, over steps and values, in each variant, under each judge."""
