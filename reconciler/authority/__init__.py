"""What a commit may do: who signed and wrote it, what they may change, and what they consented to.

It is judged by the trusted configuration and by the applied commit, never by what the commit itself says.
"""

from reconciler.authority.judgement import Judgement, judge

__all__ = ["Judgement", "judge"]
