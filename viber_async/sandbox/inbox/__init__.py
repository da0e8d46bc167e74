"""The sandbox's inbox: a page for browsers that shows what arrived, and lets somebody move it on.

It stands beside the provider's calls and is none of them: what a browser does here is not counted by the rate limit,
not recorded, and met by no fault. All that it knows it reads from the same parts as the calls do; the page itself,
plain HTML with a style and a script, lies in `page/` and is served as it is.
"""

from viber_async.sandbox.inbox._door import Door
from viber_async.sandbox.inbox._routes import Front, Threshold, inbox_of

__all__ = ["Door", "Front", "Threshold", "inbox_of"]
