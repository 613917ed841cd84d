using System.CommandLine;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Commands;

/// <summary>What is known about the photographed parts, as options.</summary>
internal sealed class MetadataOptions
{
    private readonly Dictionary<string, Option<string?>> _options;

    /// <param name="serialNumber">Whether there is an option for the serial number, which only one part has.</param>
    public MetadataOptions(Command command, bool serialNumber = true)
    {
        _options = new Dictionary<string, Option<string?>>
        {
            ["line"] = Create("--line", "The production line or camera.", "NAME"),
            ["serial_number"] = Create("--serial-number", "Serial number of the part.", "TEXT"),
            ["batch"] = Create("--batch", "Batch of the parts.", "TEXT"),
            ["shift"] = Create("--shift", "Shift.", "TEXT"),
            ["operator"] = Create("--operator", "Who operates the line.", "TEXT"),
        };
        if (!serialNumber) _options.Remove("serial_number");
        foreach (var option in _options.Values) command.Add(option);
    }

    /// <exception cref="SpadeException">InvalidArgument: a value that cannot be stored.</exception>
    public ImageMetadata Read(ParseResult parsed) =>
        ImageMetadata.From(name => _options.TryGetValue(name, out var option) ? parsed.GetValue(option) : null).Check();

    private static Option<string?> Create(string name, string description, string value)
        => new(name) { Description = $"{description} Stored with the decision.", HelpName = value };
}
