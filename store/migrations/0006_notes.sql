-- Tags and notes that people gave samples; a row with `removed` takes one back.
create table note (
    note_id bigint not null,
    sample_id bigint not null,
    run_id varchar not null,
    author varchar not null,
    tag varchar,
    text varchar,
    removed boolean,
    created_at timestamp
);
