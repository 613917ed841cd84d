using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using SpadeCluster.Features;

namespace SpadeCluster.Server.Scoring;

/// <summary>Metadata of all photographs of a request: parameters of its address, or headers.</summary>
internal sealed record SentMetadata
{
    [FromQuery(Name = "line")] public string? Line { get; init; }
    [FromQuery(Name = "serial_number")] public string? SerialNumber { get; init; }
    [FromQuery(Name = "batch")] public string? Batch { get; init; }
    [FromQuery(Name = "shift")] public string? Shift { get; init; }
    [FromQuery(Name = "operator")] public string? Operator { get; init; }
    [FromHeader(Name = "X-Line")] public string? LineHeader { get; init; }
    [FromHeader(Name = "X-Serial-Number")] public string? SerialNumberHeader { get; init; }
    [FromHeader(Name = "X-Batch")] public string? BatchHeader { get; init; }
    [FromHeader(Name = "X-Shift")] public string? ShiftHeader { get; init; }
    [FromHeader(Name = "X-Operator")] public string? OperatorHeader { get; init; }

    /// <exception cref="SpadeException">InvalidArgument: a value that cannot be stored.</exception>
    public ImageMetadata Read() => new ImageMetadata(Line, SerialNumber, Batch, Shift, Operator)
        .Or(new(LineHeader, SerialNumberHeader, BatchHeader, ShiftHeader, OperatorHeader)).Check();

    /// <summary>Reads headers of a part of a form.</summary>
    public static ImageMetadata Read(Func<string, StringValues?> header)
        => ImageMetadata.From(name => header($"X-{name.Replace('_', '-')}")?.ToString());
}
