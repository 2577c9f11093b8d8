"""Seeds that once found something, with what it was; they are played first, for ever."""

FOUND = {
    49: "a report that came after its lead was erased left its words behind",
    1000: "a step in flight during a publish came back to the version it had left",
    1011: "the same",
    20130: "a report that waits for an erased lead's attempt in flight",
    20266: "the clock did not run on for a contact by hand that nothing else waited beside",
}
