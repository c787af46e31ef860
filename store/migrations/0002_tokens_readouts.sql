-- Drawn tokens, where they were asked for, and probabilities that were read instead of drawn.
create table sample_token (
    sample_id bigint not null,
    run_id varchar not null,
    token_ids integer[],
    logprobs float[]
);

create table readout (
    readout_id bigint not null,
    reading_id bigint not null,
    run_id varchar not null,
    experiment varchar not null,
    model varchar not null,
    arm varchar not null,
    role varchar not null,
    seed bigint not null,
    step bigint not null,
    prompt_id varchar not null,
    question varchar not null,
    type varchar not null,
    paraphrase integer not null,
    variant varchar not null,
    ordering integer not null,
    place integer not null,
    label varchar not null,
    continuation varchar not null,
    tokens integer,
    logprob double,
    probability double,
    mass double,
    prompt_tokens integer,
    engine varchar,
    launch_id varchar,
    created_at timestamp
);
