"""How samples are found: filters, lists and their pages, one sample, counts, and files of them."""
