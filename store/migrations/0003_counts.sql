-- Whether a verdict is one that counts (the newest of its sample, judge and grader, not undone), so
-- that readers need not order all of them. Ingest keeps it: store/newest.py.
alter table grade add column counts boolean default true;
update grade set counts = false
where retracts is not null
   or grade_id in (select retracts from grade where retracts is not null);
update grade set counts = false
where grade_id in (
    select grade_id from grade where counts
    qualify row_number() over (
        partition by sample_id, judge, grader order by created_at desc, grade_id desc) > 1
);
