-- Manifests and segments are the same bytes that the file store keeps, with their checksums inside.
create table spade_version (
    category text not null,
    version int not null,
    manifest bytea not null,
    primary key (category, version) -- the highest one is current
);

create table spade_image (
    category text not null,
    id bigint not null,             -- the image id's 64 bits
    length bigint not null,         -- bytes of the segment
    primary key (category, id)
);

create table spade_chunk (
    category text not null,
    id bigint not null,
    n int not null,                 -- bytes n * 524288 and up of the segment
    data bytea not null,
    primary key (category, id, n),
    foreign key (category, id) references spade_image on delete cascade
);

-- Features do not compress; stored as they are, a piece of a chunk is read without the rest.
alter table spade_chunk alter column data set storage external;
