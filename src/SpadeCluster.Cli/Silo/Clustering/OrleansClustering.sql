-- Cluster membership in PostgreSQL for Orleans' ADO.NET provider.
--
-- The provider's contract: it reads its statements from OrleansQuery by key, passes parameters by name, and reads columns by
-- name. The tables behind the statements are our choice. Joining and changing are one statement each, so they happen whole or not at all;
-- a changing statement answers with one number, 0 meaning that somebody else was faster.
--
-- Membership has a version that every change moves by one, and only from the version the silo has seen: the row lock that
-- updating it takes puts silos in order, and the second one then no longer finds the version it expected.

CREATE TABLE OrleansQuery (QueryKey text PRIMARY KEY, QueryText text NOT NULL);

CREATE TABLE spade_membership (deployment text PRIMARY KEY, version integer NOT NULL DEFAULT 0);

CREATE TABLE spade_silo
(
    deployment text NOT NULL REFERENCES spade_membership,
    address text NOT NULL,
    port integer NOT NULL,
    generation integer NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    status integer NOT NULL,
    gateway_port integer,
    suspected text,
    started timestamptz NOT NULL,
    alive timestamptz NOT NULL,
    PRIMARY KEY (deployment, address, port, generation)
);

-- Rows as the provider reads them. A deployment without silos gives one row with a version only.
CREATE VIEW spade_membership_row AS
SELECT m.deployment AS DeploymentId, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
    s.host AS HostName, s.status AS Status, s.gateway_port AS ProxyPort, s.suspected AS SuspectTimes, s.started AS StartTime,
    s.alive AS IAmAliveTime, m.version AS Version
FROM spade_membership m LEFT JOIN spade_silo s USING (deployment);

INSERT INTO OrleansQuery VALUES
('InsertMembershipVersionKey', '
    WITH made AS (INSERT INTO spade_membership (deployment) VALUES (@DeploymentId) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*)::integer FROM made'),

('InsertMembershipKey', '
    WITH moved AS (
        UPDATE spade_membership SET version = version + 1
        WHERE deployment = @DeploymentId AND version = @Version AND NOT EXISTS (
            SELECT FROM spade_silo WHERE deployment = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING deployment),
    joined AS (
        INSERT INTO spade_silo (deployment, address, port, generation, name, host, status, gateway_port, started, alive)
        SELECT deployment, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM moved
        RETURNING 1)
    SELECT count(*)::integer FROM joined'),

('UpdateMembershipKey', '
    WITH moved AS (
        UPDATE spade_membership SET version = version + 1
        WHERE deployment = @DeploymentId AND version = @Version AND EXISTS (
            SELECT FROM spade_silo WHERE deployment = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING deployment),
    changed AS (
        UPDATE spade_silo s SET status = @Status, suspected = @SuspectTimes, alive = @IAmAliveTime FROM moved
        WHERE s.deployment = moved.deployment AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
        RETURNING 1)
    SELECT count(*)::integer FROM changed'),

('UpdateIAmAlivetimeKey', '
    UPDATE spade_silo SET alive = @IAmAliveTime
    WHERE deployment = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation'),

('MembershipReadRowKey', '
    SELECT m.deployment AS DeploymentId, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
        s.host AS HostName, s.status AS Status, s.gateway_port AS ProxyPort, s.suspected AS SuspectTimes, s.started AS StartTime,
        s.alive AS IAmAliveTime, m.version AS Version
    FROM spade_membership m LEFT JOIN spade_silo s
        ON s.deployment = m.deployment AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
    WHERE m.deployment = @DeploymentId'),

('MembershipReadAllKey', 'SELECT * FROM spade_membership_row WHERE DeploymentId = @DeploymentId'),

('GatewaysQueryKey', '
    SELECT address AS Address, gateway_port AS ProxyPort, generation AS Generation FROM spade_silo
    WHERE deployment = @DeploymentId AND status = @Status AND gateway_port > 0'),

-- Status 3 is Active: the dead are forgotten, never the living.
('CleanupDefunctSiloEntriesKey', '
    DELETE FROM spade_silo WHERE deployment = @DeploymentId AND alive < @IAmAliveTime AND status <> 3'),

('DeleteMembershipTableEntriesKey', '
    DELETE FROM spade_silo WHERE deployment = @DeploymentId;
    DELETE FROM spade_membership WHERE deployment = @DeploymentId');
