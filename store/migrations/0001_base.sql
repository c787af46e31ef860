-- Base tables. People query the views (views.sql); these may change with a migration.
create table sample (
    sample_id bigint not null,
    blind_key ubigint not null,
    run_id varchar not null,
    experiment varchar not null,
    model varchar not null,
    arm varchar not null,
    role varchar not null,
    seed bigint not null,
    step bigint not null,
    prompt_id varchar not null,
    question varchar not null,
    paraphrase integer not null,
    variant varchar not null,
    draw integer not null,
    completion varchar not null,
    finish_reason varchar,
    prompt_tokens integer,
    tokens integer,
    logprob double,
    draw_seed bigint,
    sampling varchar,
    engine varchar,
    launch_id varchar,
    created_at timestamp
);

create table prompt (
    prompt_id varchar not null,
    model varchar not null,
    experiment varchar not null,
    question varchar,
    paraphrase integer,
    variant varchar,
    messages varchar,
    text varchar
);

create table grade (
    grade_id bigint not null,
    sample_id bigint not null,
    run_id varchar not null,
    judge varchar not null,
    grader varchar not null,
    rubric varchar,
    label varchar,
    number double,
    explanation varchar,
    signals varchar,
    seconds double,
    retracts bigint,
    created_at timestamp
);

create table metric (
    run_id varchar not null,
    step bigint not null,
    steps bigint,
    epoch double,
    loss double,
    learning_rate double,
    grad_norm double,
    tokens bigint,
    tokens_per_second double,
    memory_mb double,
    recorded_at timestamp
);

create table run (
    run_id varchar not null,
    experiment varchar not null,
    definition_hash varchar,
    model varchar,
    arm varchar,
    role varchar,
    seed bigint,
    data_rows bigint,
    data_sha256 varchar,
    training varchar,
    spec varchar,
    created_at timestamp
);

-- Which files are in, and how far: a file's rows and its line here come in one transaction.
create table ingested_part (
    name varchar primary key,
    run_id varchar not null,
    bytes bigint not null,
    ingested_at timestamp not null default (now() at time zone 'UTC')
);
