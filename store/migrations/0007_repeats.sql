-- A verdict given on a sample that its grader had graded before, to measure how they agree with
-- themselves. It never counts: store/newest.py.
alter table grade add column repeat_of bigint;
