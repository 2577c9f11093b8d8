"""What every address under /api/ shares: who may call, the wire's names, lists, problems, the document."""
