"""The pages of leads, imports and suppressions."""
