-- How many samples of each run, checkpoint, question and variant have which labels, so that readers
-- count values without reading samples or grades. Ingest keeps it: store/samples/counts.py.
create table sample_count (
    run_id varchar not null,
    experiment varchar not null,
    model varchar not null,
    arm varchar not null,
    seed bigint not null,
    step bigint not null,
    question varchar not null,
    variant varchar not null,
    labels ubigint not null,
    n bigint not null
);
-- Which verdicts samples have that `sample_count` has together; 0 stands for none, and not here.
create table label_set (
    labels ubigint not null,
    judge varchar not null,
    grader varchar not null,
    label varchar
);
create temp table labelled as
select sample_id, run_id, bit_xor(md5_number_lower(
    concat(judge, chr(31), grader, chr(31), coalesce(label, chr(30))))) as labels
from grade
where counts and (grader like 'rule:%' or grader like 'human:%' or (grader like 'model:%' and not (
    grader like '%)' and regexp_matches(grader, ' [(](wording|repeat) [0-9]+[)]$'))))
group by all;
insert into sample_count
select run_id, experiment, model, arm, seed, step, question, variant, coalesce(labels, 0), count(*)
from sample left join labelled using (sample_id, run_id)
group by all
order by run_id;
insert into label_set
select labels, judge, grader, label
from (select labels, min((sample_id, run_id)) as one from labelled group by all) sets
join grade on grade.sample_id = one[1] and grade.run_id = one[2]
where counts and (grader like 'rule:%' or grader like 'human:%' or (grader like 'model:%' and not (
    grader like '%)' and regexp_matches(grader, ' [(](wording|repeat) [0-9]+[)]$'))));
drop table labelled;
