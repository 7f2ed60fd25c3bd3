"""The Functions shell: decode the trigger, call one use case, encode the answer. No rules here."""
