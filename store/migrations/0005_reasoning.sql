-- What a model thought before it answered, where a server says so beside the answer.
create table sample_reasoning (
    sample_id bigint not null,
    run_id varchar not null,
    text varchar
);
