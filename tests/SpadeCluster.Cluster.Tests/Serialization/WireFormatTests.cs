using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Serialization;
using SpadeCluster.Cluster.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Serialization;

/// <summary>
/// The messages between silos, byte for byte, and the calls: during an upgrade, silos of two builds talk to each other. Recorded in
/// messages.txt and calls.txt; docs/upgrade.md says what may change.
/// </summary>
public sealed class WireFormatTests
{
    private static readonly Assembly Cluster = typeof(ClusterHosting).Assembly;
    private static readonly Serializer Serializer =
        new ServiceCollection().AddSerializer(s => s.AddAssembly(Cluster)).BuildServiceProvider().GetRequiredService<Serializer>();

    public static TheoryData<string> Aliases { get; } = [.. Messages().Select(AliasOf)];

    [Theory]
    [MemberData(nameof(Aliases))]
    public void A_message_has_the_recorded_bytes(string alias)
    {
        string bytes = Convert.ToHexStringLower(Serializer.SerializeToArray(Sample(alias)));
        string? recorded = Recorded("messages.txt").LastOrDefault(l => l.StartsWith(alias + " ", StringComparison.Ordinal));
        Assert.True(recorded == $"{alias} {bytes}",
            $"silos of the last build may not read this message. If it only has a new member, with a new id, add this line to "
            + $"messages.txt, "
            + $"after the old one:\n{alias} {bytes}");
    }

    /// <summary>Also messages that an older build sent, which lack newer members.</summary>
    [Fact]
    public void Every_recorded_message_can_be_read()
    {
        var recorded = Recorded("messages.txt").Select(l => l.Split(' ')).ToList();
        foreach (string[] line in recorded)
            Assert.Equal(line[0], AliasOf(Serializer.Deserialize<object>(Convert.FromHexString(line[1]))!.GetType()));
        Assert.Equal(Messages().Select(AliasOf).Order(), recorded.Select(l => l[0]).Distinct().Order());
    }

    [Fact]
    public void A_failure_says_to_another_silo_that_storage_is_full()
    {
        var sent = new SpadeException(SpadeError.ResourceExhausted, "full") { StorageFull = true };
        var received = (SpadeException)Serializer.Deserialize<object>(Serializer.SerializeToArray<object>(sent))!;
        Assert.Equal((sent.Error, sent.Message, true), (received.Error, received.Message, received.StorageFull));
    }

    /// <summary>Names of interfaces and methods, and the types of parameters, by which a silo finds the method of a call.</summary>
    [Fact]
    public void Calls_have_the_recorded_parameters()
    {
        var calls = Cluster.GetTypes().Where(t => t.IsInterface && t.IsAssignableTo(typeof(IGrain)))
            .SelectMany(t => t.GetMethods(), (t, m) => $"{AliasOf(t)}.{m.GetCustomAttribute<AliasAttribute>()?.Alias}"
                + $"({string.Join(", ", m.GetParameters().Select(p => Name(p.ParameterType)))}) {Name(m.ReturnType)}");
        string now = string.Join('\n', calls.Order(StringComparer.Ordinal));
        Assert.True(now == string.Join('\n', Recorded("calls.txt")),
            $"silos of the last build may not find these calls; calls.txt would be:\n{now}");
    }

    private static IEnumerable<Type> Messages() => Cluster.GetTypes()
        .Where(t => t.GetCustomAttribute<GenerateSerializerAttribute>(inherit: false) is not null && !t.IsAbstract
            && !t.IsAssignableTo(typeof(Exception))).OrderBy(AliasOf, StringComparer.Ordinal);

    private static string AliasOf(Type type) => type.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias
        ?? throw new InvalidOperationException($"{type} needs an alias, so that it can be renamed");

    private static string[] Recorded(string file) => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Serialization", file));

    private static object Sample(string alias) => Sample(Messages().Single(t => AliasOf(t) == alias))!;

    /// <summary>A value with every member set. Types of Core stay null: their surrogates are messages themselves.</summary>
    private static object? Sample(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Sample(inner);
        if (type == typeof(string)) return "text";
        if (type == typeof(Guid)) return new Guid("00112233-4455-6677-8899-aabbccddeeff");
        if (type == typeof(TimeSpan)) return TimeSpan.FromSeconds(7);
        if (type == typeof(ImageId)) return new ImageId(42);
        // Two bytes, 7 and 7.
        if (type == typeof(LevelValues)) return new LevelValues([BitConverter.UInt16BitsToHalf(0x0707)]);
        if (type.IsEnum) return Enum.GetValues(type).GetValue(1);
        if (type.IsPrimitive) return type == typeof(bool) ? true : Convert.ChangeType(7, type, null);
        if (type.IsArray)
        {
            var array = Array.CreateInstance(type.GetElementType()!, 2);
            for (int i = 0; i < array.Length; i++) array.SetValue(Sample(type.GetElementType()!), i);
            return array;
        }
        if (type.GetCustomAttribute<GenerateSerializerAttribute>(inherit: false) is null && !type.IsAssignableTo(typeof(ITuple)))
            return null;
        object value = RuntimeHelpers.GetUninitializedObject(type);
        foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            field.SetValue(value, Sample(field.FieldType));
        return value;
    }

    private static string Name(Type type) => !type.IsGenericType ? type.Name
        : $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
}
