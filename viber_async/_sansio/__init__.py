"""What decides: values and rules without network, loop, clock or chance; those come in as arguments."""
