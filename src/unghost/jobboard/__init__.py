"""The job board's end: takes reports in, decides who is told what, where and when, and tells them."""
