// The frame's behaviour; every part works on its own and nothing here is needed to read or to send a form.
