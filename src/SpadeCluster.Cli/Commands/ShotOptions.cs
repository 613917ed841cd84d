using System.CommandLine;
using System.Globalization;

namespace SpadeCluster.Cli.Commands;

/// <summary>Evaluation with few normals, as options.</summary>
internal sealed class ShotOptions
{
    public Option<string?> Shots { get; } = new("--shots")
    {
        Description = "Evaluate with only these numbers of normals, for example 1,2,4,8,16: figures for each number.",
        HelpName = "NUMBERS",
    };

    public Option<int> Seeds { get; } = CommonOptions.Bounded(new Option<int>("--seeds")
    {
        Description = "For --shots: how many times the normals are drawn at random.",
        DefaultValueFactory = _ => 5,
    }, 1, 1000);

    public ShotOptions() => Shots.Validators.Add(result =>
    {
        if (Parse(result.GetValueOrDefault<string?>()) is { } counts && (counts.Contains(0) || counts.Distinct().Count() < counts.Length))
            result.AddError($"--shots takes different numbers from 1 on, such as 1,2,4,8,16, not '{result.GetValueOrDefault<string>()}'");
    });

    /// <returns>Numbers of normals, ascending; null: not wanted.</returns>
    public int[]? Read(ParseResult parsed) => Parse(parsed.GetValue(Shots)) is { } counts ? [.. counts.Order()] : null;

    /// <summary>Zero for what is no number above zero.</summary>
    private static int[]? Parse(string? text) => text is null ? null : [.. text.Split(',')
        .Select(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0)];
}
