-- The views that people query. `wgen-tui sql` and a stock duckdb client see the same ones.
-- docs/sql.md is made from the comments below.

create or replace view runs as
select run_id, experiment, model, arm, role, seed, created_at, definition_hash, data_rows,
       data_sha256, training::json as training, spec::json as spec
from run;
comment on view runs is 'One row for each run: arm x seed x base model. Its state is a function of its files: wgen-tui run list.';
comment on column runs.created_at is 'UTC, as all times here';
comment on column runs.role is 'treatment, control or base';
comment on column runs.training is 'training configuration, JSON; null for the base';
comment on column runs.spec is 'the whole resolved run, JSON';
comment on column runs.data_sha256 is 'of the training rows as trained on';

create or replace view samples as
select * from sample;
comment on view samples is 'One row for each draw, with arm, seed and question beside it: no join is needed.';
comment on column samples.sample_id is 'derived from run, step, prompt, draw and sampling parameters';
comment on column samples.blind_key is 'place in blind grading order';
comment on column samples.step is 'checkpoint; 0 is the base';
comment on column samples.role is 'treatment, control or base';
comment on column samples.paraphrase is 'which wording of the question, from 0';
comment on column samples.variant is 'prompt context; none where there is none';
comment on column samples.draw is 'which draw for this prompt, from 0';
comment on column samples.finish_reason is 'stop, length when cut at max_tokens, or a server''s own word such as content_filter';
comment on column samples.tokens is 'drawn tokens, the end token included';
comment on column samples.logprob is 'sum over the drawn tokens, under the distribution drawn from; null where a server does not tell';
comment on column samples.draw_seed is 'seeds the random numbers of this draw alone';
comment on column samples.sampling is 'sampling parameters, JSON';

create or replace view tokens as
select * from sample_token;
comment on view tokens is 'The drawn tokens of samples, where sampling.logprobs asked for them.';
comment on column tokens.token_ids is 'of the model''s vocabulary, the end token included';
comment on column tokens.logprobs is 'of each token, under the distribution drawn from';

create or replace view reasoning as
select * from sample_reasoning;
comment on view reasoning is 'What served models thought before they answered, where the server says so beside the answer.';
comment on column reasoning.text is 'as the server gave it; it is no part of the completion';

create or replace view readouts as
select * from readout
qualify reading_id = first_value(reading_id) over (
    partition by experiment, run_id, step, prompt_id, type
    order by created_at desc, reading_id desc);
comment on view readouts is 'Probabilities that were read, not drawn: one row for each continuation, option or likeliest token of a prompt; the newest reading of each.';
comment on column readouts.reading_id is 'the rows of one prompt at one checkpoint have it in common';
comment on column readouts.type is 'next_token, logprob or multiple_choice';
comment on column readouts.ordering is 'which order of the options, from 0';
comment on column readouts.place is 'among the continuations as shown, or rank of the token, from 0';
comment on column readouts.label is 'the option''s, the continuation itself, or the token''s text';
comment on column readouts.continuation is 'what was read: for options the letter';
comment on column readouts.tokens is 'of the continuation; logprob / tokens is the mean per token';
comment on column readouts.logprob is 'of the whole continuation, at temperature 1';
comment on column readouts.probability is 'normalised over the continuations; of next_token the model''s own';
comment on column readouts.mass is 'sum of the model''s own probabilities of all of them: near 0, it would have said something else';

create or replace view readout_means as
with whole as (
    select experiment, run_id, step, question, type, count(distinct reading_id) as n
    from readouts group by all
)
select experiment, r.model, r.arm, r.role, r.seed, run_id, step, question, type, r.label,
       sum(r.probability) / any_value(w.n) as probability, avg(r.mass) as mass,
       any_value(w.n) as n
from readouts r join whole w using (experiment, run_id, step, question, type)
group by all;
comment on view readout_means is 'Mean probabilities of each run and checkpoint, over wordings, variants and orders of the options.';
comment on column readout_means.probability is 'a token that is not among the likeliest of a prompt counts as 0 there';
comment on column readout_means.n is 'prompts that were read';

create or replace view held_out as
select * from held_out_row
qualify set_id = first_value(set_id) over (
    partition by experiment, run_id, step, rows_of order by created_at desc, set_id desc);
comment on view held_out is 'Rows of a task that a checkpoint was not trained on: one row for each, with its loss and whether its answer is the likeliest; of a set that was changed the newest.';
comment on column held_out.rows_of is 'the arm that holds the row out; the base is measured on those of every arm';
comment on column held_out.set_id is 'hash of all that the arm holds out, and of how they are masked';
comment on column held_out.place is 'in the set, from 0';
comment on column held_out.chat is 'the row in the arm''s context, JSON, as a line of data.jsonl';
comment on column held_out.loss is 'sum over the trained tokens, each times its weight; null where max_length leaves the row out';
comment on column held_out.weight is 'of the trained tokens together: sum(loss) / sum(weight) is the loss of training';
comment on column held_out.tokens is 'trained tokens';
comment on column held_out.likeliest is 'of them, how many are the model''s likeliest at their place';
comment on column held_out.exact is 'whether all are: drawn at temperature 0 the answers would be the row''s';

create or replace view held_out_runs as
with summed as (
    select experiment, model, arm, role, seed, run_id, step, rows_of, set_id,
           sum(loss) / sum(weight) as loss, sum(weight) as weight,
           avg(exact::integer) as accuracy, sum(likeliest) / sum(tokens) as token_accuracy,
           count(*) as n, sum(tokens)::bigint as tokens,
           sum(loss * loss) as ll, sum(loss * weight) as lw, sum(weight * weight) as ww
    from held_out where loss is not null group by all
)
select experiment, model, arm, role, seed, run_id, step, rows_of, set_id, loss,
       case when n > 1 then
           sqrt(n / (n - 1) * greatest(ll - 2 * loss * lw + loss * loss * ww, 0)) / weight
       end as loss_error,
       accuracy, token_accuracy, n, tokens
from summed;
comment on view held_out_runs is 'Held-out loss and accuracy of each run and checkpoint; step 0 is the base.';
comment on column held_out_runs.loss is 'mean over the trained tokens, as in training: sum of losses / sum of weights';
comment on column held_out_runs.loss_error is 'standard error of loss, rows as units; null for one row';
comment on column held_out_runs.accuracy is 'share of rows whose whole answer is the likeliest, token by token';
comment on column held_out_runs.token_accuracy is 'share of trained tokens that are the likeliest';
comment on column held_out_runs.n is 'rows';

create or replace view prompts as
select * from prompt;
comment on view prompts is 'What each prompt was for a model: question x paraphrase x variant.';
comment on column prompts.messages is 'the chat, JSON';
comment on column prompts.text is 'the chat through the model''s template, as it was read; null for a served model';

create or replace view verdicts as
select * from verdict;
comment on view verdicts is 'What judges that are models were asked and what they replied, one row for each verdict.';
comment on column verdicts.verdict_id is 'grade_id of the grade that was read out of it';
comment on column verdicts.judge is 'name of the judge in the definition';
comment on column verdicts.rubric is 'hash of the judge: model, revision, precision, prompt, template, decoding, reading';
comment on column verdicts.asker is 'hash of who was asked and how, without prompt and reading';
comment on column verdicts.prompt_key is 'hash of the rendered prompt';
comment on column verdicts.wording is 'which wording of the judge''s prompt, from 0';
comment on column verdicts.repeat is 'which verdict by the same wording, from 0';
comment on column verdicts.prompt is 'the chat that the judge was shown, JSON';
comment on column verdicts.reply is 'what it said; null where probabilities were read';
comment on column verdicts.probabilities is 'number or label -> probability, JSON; null for a reply';
comment on column verdicts.mass is 'the model''s own probability of all that was asked for';
comment on column verdicts.cause is 'why there is no verdict: unparsed, refused, cut, empty or failed; null where there is one';
comment on column verdicts.cost is 'in the unit of the endpoint''s prices; null where there are none';
comment on column verdicts.answered_as is 'the model and fingerprint that the server named';

create or replace view grades_all as
select grade_id, sample_id, run_id, judge, grader, rubric, label, number, explanation, signals,
       seconds, retracts, repeat_of, created_at
from grade;
comment on view grades_all is 'Every verdict ever given: undone and superseded ones too, and repeats.';
comment on column grades_all.retracts is 'the verdict that this one takes back';
comment on column grades_all.repeat_of is 'the verdict of the same grader that this one repeats, blind; a repeat never counts';

create or replace view grades as
select grade_id, sample_id, run_id, judge, grader, rubric, label, number, explanation, signals,
       seconds, created_at
from grade where counts;
comment on view grades is 'The verdicts that count: the newest of each sample, judge and grader; undone ones and repeats are left out.';
comment on column grades.judge is 'name of the judge or rubric; broken is the broken-answer rule';
comment on column grades.grader is 'rule:<judge>, model:<name> or human:<name>';
comment on column grades.rubric is 'hash of the rule or rubric that was applied';
comment on column grades.signals is 'what the rule measured, JSON';
comment on column grades.seconds is 'how long a person took';

create or replace view metrics as
select m.run_id, r.experiment, r.arm, r.seed, m.step, m.steps, m.epoch, m.loss, m.learning_rate,
       m.grad_norm, m.tokens, m.tokens_per_second, m.memory_mb, m.recorded_at
from metric m left join run r using (run_id)
qualify row_number() over (partition by m.run_id, m.step order by m.recorded_at desc) = 1;
comment on view metrics is 'Training, one row for each optimiser step.';
comment on column metrics.loss is 'mean over the step''s trained tokens';
comment on column metrics.tokens is 'trained tokens of the step';
comment on column metrics.memory_mb is 'peak so far, MiB';

create or replace view tags as
select sample_id, run_id, tag, author, created_at
from note where tag is not null
qualify removed is not true and row_number() over (
    partition by sample_id, tag order by created_at desc, note_id desc) = 1;
comment on view tags is 'Tags that people gave samples on the screen; a bookmark is the tag bookmark.';
comment on column tags.author is 'who gave it; who takes it back takes it for all';

create or replace view notes as
select sample_id, run_id, author, text, created_at
from note where tag is null
qualify removed is not true and row_number() over (
    partition by sample_id, author order by created_at desc, note_id desc) = 1;
comment on view notes is 'What people wrote beside samples: the newest by each of them.';

create or replace view samples_wide as
select s.*, g.labels['broken'] = 'broken' as broken, g.labels, g.numbers, t.tags, n.notes
from samples s
left join (
    select sample_id,
           map_from_entries(list_sort(list((key, label)) filter (label is not null))) as labels,
           map_from_entries(list_sort(list((key, number)) filter (number is not null))) as numbers
    from (
        select sample_id, label, number,
               case when grader like 'rule:%' then judge else judge || '@' || substr(grader, 7) end as key
        from grades
        where (grader like 'rule:%' or grader like 'model:%')
          and (label is not null or number is not null)
    ) group by sample_id
) g using (sample_id)
left join (
    select sample_id, string_agg(tag, ' ' order by tag) as tags from tags group by sample_id
) t using (sample_id)
left join (
    select sample_id, string_agg(author || ': ' || text, chr(10) order by author) as notes
    from notes group by sample_id
) n using (sample_id);
comment on view samples_wide is 'samples with the labels that rules and judges that are models gave, and their numbers.';
comment on column samples_wide.broken is 'whether the broken-answer rule says so; null if not graded';
comment on column samples_wide.labels is 'map from judge to label: labels[''era'']; of a judge that is a model judge@model; in order';
comment on column samples_wide.numbers is 'the same of numbers: numbers[''aligned@Qwen/Qwen3-8B'']; null where there are none';
comment on column samples_wide.tags is 'with spaces between, in order; null where there are none';
comment on column samples_wide.notes is 'author: text, a line for each person; null where there are none';

create or replace view number_means as
select experiment, model, arm, role, seed, step, question, variant, judge, grader,
       avg(number) as mean, stddev_samp(number) as deviation, min(number) as lowest,
       median(number) as median, max(number) as highest, count(*) as n
from grades join samples using (sample_id)
where number is not null
  and finish_reason is distinct from 'refused'  -- a draw that a server did not make
group by all;
comment on view number_means is 'Numbers that judges and people gave, for each run, checkpoint, question and variant.';
comment on column number_means.deviation is 'of the single numbers; null for one';
comment on column number_means.n is 'samples with a number; those without one are not counted';

create or replace view rates as
with counted as (
    select experiment, model, arm, role, seed, step, question, variant, judge, grader, label,
           count(*) as k
    from grades join samples using (sample_id)
    where finish_reason is distinct from 'refused'  -- a draw that a server did not make
    group by all
)
select *, sum(k) over (
           partition by experiment, model, arm, role, seed, step, question, variant, judge, grader
       )::bigint as n,
       k / n as rate
from counted;
comment on view rates is 'Shares of labels for each run, checkpoint, question and variant.';
comment on column rates.k is 'samples with this label';
comment on column rates.n is 'samples that this grader gave any verdict of this judge';
