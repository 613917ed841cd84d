using System.Text;

namespace SpadeCluster.Server.Decisions;

/// <summary>A filter as a condition on the table of decisions, named d, which SQLite and PostgreSQL both read.</summary>
internal sealed class DecisionCondition
{
    /// <summary>More would let one query compare a text in very many ways.</summary>
    private const int MaxWildcards = 4;

    private readonly StringBuilder _where = new("WHERE TRUE");
    private readonly List<(string, object?)> _values = [];

    /// <exception cref="SpadeException">InvalidArgument: a serial number with too many wildcards.</exception>
    public DecisionCondition(DecisionFilter filter)
    {
        And("d.category = $category", filter.Category);
        And("d.line = $line", filter.Line);
        And("d.shift = $shift", filter.Shift);
        And("d.verdict = $verdict", filter.Verdict);
        if (filter.SerialNumber?.Contains('*') == true)
            And("lower(d.serial_number) LIKE lower($serial) ESCAPE '!'", Pattern(filter.SerialNumber), "$serial");
        else And("d.serial_number = $serial", filter.SerialNumber);
        And("d.time >= $since", filter.Since);
        And("d.time < $until", filter.Until);
        And("d.id < $before", filter.Before);
        And("d.id > $after", filter.After);
        And("EXISTS (SELECT 1 FROM feedback f WHERE f.decision = d.id AND f.undone IS NULL AND f.kind = $feedback)",
            filter.Feedback?.ToString(), "$feedback");
        And("EXISTS (SELECT 1 FROM shadow_scores o WHERE o.decision = d.id AND (o.verdict <> coalesce(d.verdict, '')) = $differs)",
            filter.ShadowDiffers, "$differs");
        // Category names contain no commas.
        And("instr(',' || $among || ',', ',' || d.category || ',') > 0", filter.Categories is { } among ? string.Join(',', among) : null,
            "$among");
    }

    public string Where => _where.ToString();

    /// <summary>Its parameters, and further ones of the statement.</summary>
    public (string, object?)[] Values(params ReadOnlySpan<(string, object?)> further) => [.. _values, .. further];

    private void And(string condition, object? value, string? name = null)
    {
        if (value is null) return;
        _where.Append(" AND ").Append(condition);
        _values.Add((name ?? condition[condition.IndexOf('$')..], value));
    }

    private static string Pattern(string serial)
    {
        if (serial.Count(c => c == '*') > MaxWildcards)
            throw new SpadeException(SpadeError.InvalidArgument, $"a serial number to search for has at most {MaxWildcards} '*'");
        return serial.Replace("!", "!!", StringComparison.Ordinal).Replace("%", "!%", StringComparison.Ordinal)
            .Replace("_", "!_", StringComparison.Ordinal).Replace('*', '%');
    }
}
