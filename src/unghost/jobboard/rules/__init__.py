"""Who is told what, where and when. Pure: no I/O, no clock; `now` is an argument."""
