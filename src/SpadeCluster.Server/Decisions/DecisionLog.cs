using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Shadows;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>All decisions in order, and their photographs and maps as far as retention allows.</summary>
public sealed class DecisionLog(ServerDatabase database, ServerOptions options, DecisionFeed feed, Outbox outbox,
    TimeProvider clock)
{
    /// <summary>The line of photographs that name none.</summary>
    public const string DefaultLine = "main";

    /// <summary>Rows deleted in one transaction, which bounds the time that a decision waits for it.</summary>
    private const int DroppedAtOnce = 200;

    private const string Columns = """
        d.id, d.time, d.line, d.caller, d.digest, d.preprocessing, d.score, p.decision IS NOT NULL,
        (SELECT kind FROM feedback f WHERE f.decision = d.id AND f.undone IS NULL ORDER BY f.id DESC LIMIT 1), d.verdict,
        d.serial_number, d.batch, d.shift, d.operator, o.version, o.verdict, o.pred_score, o.raw_score
        FROM decisions d LEFT JOIN pictures p ON p.decision = d.id LEFT JOIN shadow_scores o ON o.decision = d.id
        """;

    // Used by the database's writer only; negative: not counted yet.
    private long _pictureBytes = -1;

    /// <summary>Logs a decision. The task completes when it is on the disk; it must not be acknowledged earlier.</summary>
    public async Task<Decision> AppendAsync(ScoredImage scored, byte[] file, ImageMetadata metadata, string caller)
    {
        var score = ImageScore.Of(scored);
        bool keep = options.Keep == KeepPictures.All || (options.Keep == KeepPictures.Flagged && score.Verdict != "good");
        // Packed on the request's thread, so that the writer only writes.
        byte[]? map = keep && scored.Result.Map is { } m ? KeptMap.Pack(m) : null, evidence = keep ? KeptEvidence.Pack(scored) : null;
        // In milliseconds, as it is stored, so that the answer says the same time as later reads.
        var time = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        var decision = new Decision(0, time, metadata.Line ?? DefaultLine, metadata.SerialNumber, metadata.Batch,
            metadata.Shift, metadata.Operator, caller, Convert.ToHexStringLower(SHA256.HashData(file)), scored.Gallery.Preprocessing,
            score, keep);
        string json = JsonSerializer.Serialize(score, ServerJson.Options);
        long id = await database.WriteAsync(c =>
        {
            long row = c.Scalar<long>("INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, verdict, "
                + "pred_label, pred_score, raw_score, score, serial_number, batch, shift, operator) VALUES ($time, $line, $caller, "
                + "$category, $version, $digest, $preprocessing, $verdict, "
                + "$label, $pred, $raw, $score, $serial, $batch, $shift, $operator) RETURNING id",
                ("$time", decision.Time), ("$line", decision.Line), ("$caller", caller), ("$category", score.Category),
                ("$version", score.Version),
                ("$digest", decision.Digest), ("$preprocessing", decision.Preprocessing),
                ("$verdict", score.Verdict), ("$label", score.PredLabel), ("$pred", score.PredScore), ("$raw", score.RawScore),
                ("$score", json), ("$serial", decision.SerialNumber), ("$batch", decision.Batch), ("$shift", decision.Shift),
                ("$operator", decision.Operator));
            if (keep) Keep(c, row, file, map, evidence);
            outbox.Record(c, row, decision);
            return row;
        });
        decision = decision with { Id = id };
        outbox.Announce(decision);
        // For a shared log, SharedFeed reports the decisions of all servers.
        if (options.Database is null) feed.Publish(decision);
        return decision;
    }

    /// <exception cref="SpadeException">InvalidArgument: a serial number with too many wildcards.</exception>
    public IReadOnlyList<Decision> Find(DecisionFilter filter)
    {
        var condition = new DecisionCondition(filter);
        string order = filter.OldestFirst ? "ASC" : "DESC";
        return database.Read(c => c.Query($"SELECT {Columns} {condition.Where} ORDER BY d.id {order} LIMIT $limit", Row,
            condition.Values(("$limit", Math.Clamp(filter.Limit, 1, DecisionFilter.MaxLimit)))));
    }

    /// <summary>The decisions of a filter with the highest normalised scores, the highest first.</summary>
    public IReadOnlyList<Decision> Worst(DecisionFilter filter)
    {
        var condition = new DecisionCondition(filter);
        return database.Read(c => c.Query($"SELECT {Columns} {condition.Where} AND d.pred_score IS NOT NULL "
            + "ORDER BY d.pred_score DESC, coalesce(d.raw_score, 0) DESC, d.id LIMIT $limit", Row,
            condition.Values(("$limit", filter.Limit))));
    }

    /// <summary>All that a filter finds, the oldest first, read page by page.</summary>
    public IEnumerable<Decision> All(DecisionFilter filter)
    {
        filter = filter with { OldestFirst = true, Limit = DecisionFilter.MaxLimit };
        while (Find(filter) is { Count: > 0 } page)
        {
            foreach (var decision in page) yield return decision;
            filter = filter with { After = page[^1].Id };
        }
    }

    /// <exception cref="SpadeException">NotFound.</exception>
    public Decision Get(long id) => database.Read(c => c.Query($"SELECT {Columns} WHERE d.id = $id", Row, ("$id", id))).SingleOrDefault()
        ?? throw new SpadeException(SpadeError.NotFound, $"no decision {id}; /v1/results lists them");

    /// <summary>The photograph's file as sent.</summary>
    /// <exception cref="SpadeException">NotFound: no such decision, or its pictures are not kept.</exception>
    public byte[] Image(long id) => Picture(id, "image");

    /// <inheritdoc cref="Image"/>
    public KeptMap Map(long id) => KeptMap.Unpack(Picture(id, "map"));

    /// <inheritdoc cref="Image"/>
    public KeptEvidence Evidence(long id) => KeptEvidence.Unpack(Picture(id, "evidence"));

    /// <summary>Raw scores of a category's newest decisions, the newest first, for the threshold slider.</summary>
    public IReadOnlyList<LoggedScore> Scores(string category, int count) => database.Read(c => c.Query(
        $"SELECT d.raw_score, {Columns} WHERE d.category = $category AND d.raw_score IS NOT NULL ORDER BY d.id DESC LIMIT $count"
            .Replace("d.score,", "NULL,", StringComparison.Ordinal),
        r => new LoggedScore(r.GetInt64(1), r.GetDouble(0), Kind(r.Text(9))), ("$category", category), ("$count", count)));

    /// <summary>The lines that sent photographs of these categories; null: of all.</summary>
    public IReadOnlyList<string> Lines(IReadOnlyList<string>? categories) => database.Read(c => c.Query(
        "SELECT DISTINCT line FROM decisions WHERE CAST($among AS TEXT) IS NULL OR instr(',' || $among || ',', ',' || category || ',') "
        + "> 0 ORDER BY line",
        r => r.GetString(0), ("$among", categories is null ? null : string.Join(',', categories))));

    /// <summary>The id of the newest decision; 0: there is none.</summary>
    public long Newest() => database.Read(c => c.Scalar<long>("SELECT coalesce(max(id), 0) FROM decisions"));

    public long Count() => database.Read(c => c.Scalar<long>("SELECT count(*) FROM decisions"));

    internal static FeedbackKind? Kind(string? text) => text is null ? null : Enum.Parse<FeedbackKind>(text);

    private byte[] Picture(long id, string column) =>
        database.Read(c => c.Query($"SELECT {column} FROM pictures WHERE decision = $id", r => r.Bytes(0), ("$id", id))).SingleOrDefault()
        ?? throw new SpadeException(SpadeError.NotFound,
            $"decision {id} keeps no {column}: retention or the keep policy dropped it, or there is no such decision");

    private void Keep(DbConnection c, long decision, byte[] image, byte[]? map, byte[]? evidence)
    {
        long bytes = image.LongLength + (map?.Length ?? 0) + (evidence?.Length ?? 0);
        c.Execute("INSERT INTO pictures (decision, bytes, image, map, evidence) VALUES ($decision, $bytes, $image, $map, $evidence)",
            ("$decision", decision), ("$bytes", bytes), ("$image", image), ("$map", map), ("$evidence", evidence));
        if (_pictureBytes >= 0) _pictureBytes += bytes;
        Trim(c);
    }

    /// <summary>Deletes decisions and pictures beyond the limits of retention.</summary>
    public async Task DropOldAsync()
    {
        var oldest = clock.GetUtcNow().AddDays(-options.KeepDays);
        while (await database.WriteAsync(c =>
            c.Execute("DELETE FROM decisions WHERE id IN (SELECT id FROM decisions WHERE time < $oldest LIMIT $count)", ("$oldest", oldest),
                ("$count", DroppedAtOnce))) > 0)
        { }
        // The pictures were deleted with their decisions.
        await database.WriteAsync(_ => _pictureBytes = -1);
        while (await database.WriteAsync(Trim)) { }
    }

    /// <summary>Deletes the oldest pictures beyond the limit. Free pages of the file are reused, so the file does not grow
    /// further.</summary>
    /// <returns>Whether there are more to delete.</returns>
    private bool Trim(DbConnection c)
    {
        if (_pictureBytes < 0) _pictureBytes = c.Scalar<long>("SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM pictures");
        for (int i = 0; i < DroppedAtOnce; i++)
        {
            if (_pictureBytes <= options.KeepBytes) return false;
            // The newest is always kept.
            if (c.Query("DELETE FROM pictures WHERE decision = (SELECT min(decision) FROM pictures) AND decision < (SELECT "
                + "max(decision) FROM pictures) RETURNING bytes", r => r.GetInt64(0)) is not [var freed])
                return false;
            _pictureBytes -= freed;
        }
        return true;
    }

    private static Decision Row(DbDataReader r) => new(
        r.GetInt64(0), r.Time(1)!.Value, r.GetString(2), r.Text(10), r.Text(11), r.Text(12), r.Text(13), r.GetString(3), r.GetString(4),
        r.GetString(5),
        // From the column, because scores in old logs have no verdict.
        JsonSerializer.Deserialize<ImageScore>(r.GetString(6), ServerJson.Options)! with { Verdict = r.Text(9) }, r.GetBoolean(7),
        Kind(r.Text(8)), r.IsDBNull(14) ? null : new ShadowScore((int)r.GetInt64(14), r.GetString(15), r.Number(16), r.Number(17)));
}

/// <summary>A decision's raw score and feedback.</summary>
public sealed record LoggedScore(long Id, double Score, FeedbackKind? Feedback);
