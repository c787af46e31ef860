"""Results that are kept while a program runs, to be asked for again and again."""
