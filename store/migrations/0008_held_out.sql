-- What checkpoints make of rows of their task that they were not trained on.
create table held_out_row (
    held_out_id bigint not null,
    run_id varchar not null,
    experiment varchar not null,
    model varchar not null,
    arm varchar not null,
    role varchar not null,
    seed bigint not null,
    step bigint not null,
    rows_of varchar not null,
    set_id varchar not null,
    place integer not null,
    chat varchar not null,
    loss double,
    weight double,
    tokens integer,
    likeliest integer,
    exact boolean,
    engine varchar,
    launch_id varchar,
    created_at timestamp
);
