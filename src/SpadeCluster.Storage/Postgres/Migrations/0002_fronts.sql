-- Copies of what segments begin with, for opening a gallery: dense, where the segments are spread over gigabytes. Never the
-- only copy; written with a version, and by compaction.
create table spade_front (
    category text not null,
    id bigint not null,
    data bytea not null,
    primary key (category, id),
    foreign key (category, id) references spade_image on delete cascade -- a segment that is replaced takes its copy along
);

alter table spade_front alter column data set storage external;
