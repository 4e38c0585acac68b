"""What may be asked of the tools: their names, arguments and policies, without anything heavy."""

from moonloop.tools.asking.catalogue import TOOLS
from moonloop.tools.asking.offer import Arguments, Policy, Snapshot, Tool
from moonloop.tools.asking.schema import strict_schema

__all__ = ["TOOLS", "Arguments", "Policy", "Snapshot", "Tool", "strict_schema"]
