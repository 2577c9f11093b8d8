"""Seeds that once found something, with what it was; they are played first, for ever."""

FOUND = {
    49: "a report that came after its lead was erased left its words behind",
}
