using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Grpc;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Server;

namespace SpadeCluster.Cli.Silo;

/// <summary>
/// Finds the problems of the settings below "Spade", one sentence each. Binding alone would ignore unknown names, and stop at the first
/// invalid value with an exception for programmers.
/// </summary>
internal static class SiloSettings
{
    private static readonly (string Name, Type Type)[] Sections =
        [("Cluster", typeof(GalleryOptions)), ("Extractor", typeof(ExtractorOptions)), ("Admission", typeof(AdmissionOptions)),
            ("Grpc", typeof(GrpcOptions)), ("OnnxRuntime", typeof(OnnxRuntimeOptions)), ("Http", typeof(ServerOptions))];

    /// <summary>Properties that must not be set because a silo sets them.</summary>
    private static readonly Dictionary<string, string> Overruled = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Spade:OnnxRuntime:Device"] = "use Spade:Devices instead",
        ["Spade:OnnxRuntime:Threads"] = "use Spade:Threads instead",
        ["Spade:Http:Urls"] = "use Spade:HttpUrls instead",
        ["Spade:Http:GrpcUrls"] = "use Spade:GrpcPort instead",
        ["Spade:Http:Database"] = "use Spade:ConnectionString instead",
    };

    /// <summary>Longest allowed time; a plain number would be read as days.</summary>
    private static readonly TimeSpan LongestTime = TimeSpan.FromHours(1);

    public static IReadOnlyList<string> Problems(IConfiguration configuration)
    {
        var root = configuration.GetSection(SiloOptions.Section);
        var problems = Sections.SelectMany(s => Problems(root.GetSection(s.Name), s.Type, []))
            .Concat(Problems(root, typeof(SiloOptions), Sections)).ToList();
        // Combinations are checked only if each value is valid.
        return problems.Count > 0 ? problems : [.. (root.Get<SiloOptions>() ?? new()).Problems()];
    }

    private static IEnumerable<string> Problems(IConfigurationSection section, Type type, (string Name, Type Type)[] sections)
    {
        var known = type.GetProperties().Where(p => p.CanWrite).ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var setting in section.GetChildren()
            .Where(c => !sections.Any(s => s.Name.Equals(c.Key, StringComparison.OrdinalIgnoreCase))))
        {
            if (Overruled.TryGetValue(setting.Path, out string? instead)) yield return $"{setting.Path} must not be set: {instead}";
            else if (!known.TryGetValue(setting.Key, out var property))
            {
                var names = known.Keys.Order(StringComparer.Ordinal).Where(k => !Overruled.ContainsKey($"{section.Path}:{k}"));
                yield return $"{setting.Path} is not a setting; {section.Path} has {string.Join(", ", names)}";
            }
            else if (Problem(setting, property) is { } problem) yield return $"{setting.Path} {problem}";
        }
    }

    private static string? Problem(IConfigurationSection setting, PropertyInfo property)
    {
        if (property.PropertyType.IsAssignableTo(typeof(IEnumerable<string>)))
            return setting.Value is null ? null : $"is a list: name its first as {setting.Path}:0";
        if (setting.Value is not { } text) return "takes one value, not several";
        if (text.Length == 0 && Nullable.GetUnderlyingType(property.PropertyType) is not null) return null;
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        object? value;
        try
        {
            // Converted in the same way as by the binder.
            value = type == typeof(string) ? text : TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException or NotSupportedException)
        {
            return $"is '{text}', which is not {Name(type)}";
        }
        if (value is Enum && !Enum.IsDefined(type, value)) return $"is '{text}', which is not {Name(type)}";
        if (property.GetCustomAttribute<RequiredAttribute>() is { } required && !required.IsValid(value)) return "is empty";
        if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            return range.IsValid(value) ? null : $"is {text}; it takes {Name(range)}";
        return value is TimeSpan time && (time < TimeSpan.Zero || time > LongestTime)
            ? $"is {text}, which is {time}; it takes {TimeSpan.Zero} to {LongestTime}" : null;
    }

    private static string Name(Type type) =>
        type == typeof(TimeSpan) ? "a time such as 00:00:05" : type == typeof(bool) ? "true or false" : type.IsEnum
        ? string.Join(" or ", Enum.GetNames(type)) : type == typeof(double) ? "a number" : "a whole number";

    /// <summary>The attribute stores 64-bit bounds as double.</summary>
    private static string Name(RangeAttribute range)
        => range.Maximum is double and >= long.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"at least {range.Minimum:0}")
        : string.Create(CultureInfo.InvariantCulture, $"{range.Minimum} to {range.Maximum}");
}
