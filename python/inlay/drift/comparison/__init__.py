"""Two tables, or what is known of them, set side by side: column by column, and in one verdict."""
