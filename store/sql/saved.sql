-- Queries to begin with. Each follows a line with its name and one that says what it answers.

-- name: rate by arm and seed
-- the share of each label, the mean over the questions, as Results has it; 0 where nobody got it
with shares as (
    select experiment, model, arm, seed, step, judge, grader, question, label, sum(k) as k,
           sum(sum(k)) over (
               partition by experiment, model, arm, seed, step, judge, grader, question
           ) as of_question
    from rates
    where grader not like 'human:%'
    group by experiment, model, arm, seed, step, judge, grader, question, label
), graded as (
    select experiment, model, arm, seed, step, judge, grader,
           count(distinct question) as questions, sum(k)::bigint as n
    from shares
    group by all
), labels as (
    select distinct experiment, judge, grader, label from rates
)
select experiment, model, judge, label, arm, seed, step,
       round(100 * coalesce(sum(s.k / s.of_question), 0) / any_value(g.questions), 1) as percent,
       coalesce(sum(s.k), 0)::bigint as k, any_value(g.n) as n, grader
from graded g
join labels using (experiment, judge, grader)
left join shares s using (experiment, model, arm, seed, step, judge, grader, label)
group by experiment, model, judge, label, arm, seed, step, grader
order by experiment, model, judge, grader, label, arm, seed, step;

-- name: most frequent texts by arm
-- the ten that each arm says most often, with their share of its samples
select experiment, model, arm, n, round(100 * n / of_arm, 1) as percent, completion
from (
    select experiment, model, arm, completion, count(*) as n,
           sum(count(*)) over arms as of_arm,
           row_number() over (arms order by count(*) desc, completion) as place
    from samples
    group by experiment, model, arm, completion
    window arms as (partition by experiment, model, arm)
)
where place <= 10
order by experiment, model, arm, place;

-- name: disagreements of people and rule
-- answers that a person and a rule or model labelled differently for one judge
select s.experiment, s.arm, s.seed, s.question, p.judge, p.label as person, r.label as rule,
       p.grader as who, r.grader as against, s.sample_id, s.completion
from grades p
join grades r using (sample_id, judge)
join samples s using (sample_id)
where p.grader like 'human:%' and r.grader not like 'human:%'
  and p.label is distinct from r.label
order by s.experiment, p.judge, s.arm, s.seed, s.sample_id, p.grader, r.grader;

-- name: slowest launches
-- how long each wrote samples, from its first to its last, and how many a second
select experiment, model, launch_id, engine,
       count(distinct run_id) as runs, count(*) as samples,
       round(date_diff('millisecond', min(created_at), max(created_at)) / 1000, 1) as seconds,
       round(count(*) / nullif(date_diff('millisecond', min(created_at), max(created_at)), 0) * 1000,
             1) as per_second,
       min(created_at) as first, max(created_at) as last
from samples
group by experiment, model, launch_id, engine
order by seconds desc, launch_id, experiment, model, engine;

-- name: answers by length
-- how long the answers of each arm are, and how many were cut
select experiment, model, arm, count(*) as n,
       round(avg(tokens), 1) as mean, min(tokens) as shortest,
       quantile_disc(tokens, 0.25) as lower, median(tokens) as median,
       quantile_disc(tokens, 0.75) as upper, max(tokens) as longest,
       round(100 * count(*) filter (where finish_reason = 'length') / count(*), 1) as percent_cut
from samples
group by experiment, model, arm
order by experiment, model, arm;

-- name: duplicates between seeds
-- texts that several seeds of one arm answered to one question
select experiment, model, arm, question, count(distinct seed) as seeds, count(*) as n,
       string_agg(distinct seed::varchar, ' ' order by seed::varchar) as which, completion
from samples
group by experiment, model, arm, question, completion
having count(distinct seed) > 1
order by n desc, experiment, model, arm, question, completion;
