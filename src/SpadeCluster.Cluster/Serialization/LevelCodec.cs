using System.Buffers;
using System.Runtime.InteropServices;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace SpadeCluster.Cluster.Serialization;

/// <summary>A pyramid's level, sent as Orleans sends an array of bytes, but without one in between: levels are hundreds of kilobytes, and
/// each copy takes fresh memory at both ends.</summary>
internal readonly record struct LevelValues(Half[] Array);

/// <summary>Writes and reads what Orleans' codec of byte[] does.</summary>
[RegisterSerializer]
internal sealed class LevelCodec : IFieldCodec<LevelValues>
{
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, LevelValues value)
        where TBufferWriter : IBufferWriter<byte>
    {
        // Orleans numbers the objects of a message, so that later ones can refer to them. An array of bytes has a number, so a level, too.
        ReferenceCodec.MarkValueField(writer.Session);
        var bytes = MemoryMarshal.AsBytes(value.Array.AsSpan());
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(LevelValues), WireType.LengthPrefixed);
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
    }

    public LevelValues ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        uint bytes = reader.ReadVarUInt32();
        // Checked before memory is allocated for it.
        if (bytes > reader.Remaining || bytes % 2 != 0)
            throw new InvalidDataException($"a level of {bytes} bytes in a message that has {reader.Remaining} more");
        var values = GC.AllocateUninitializedArray<Half>((int)bytes / 2);
        reader.ReadBytes(MemoryMarshal.AsBytes(values.AsSpan()));
        return new LevelValues(values);
    }
}

[RegisterCopier]
internal sealed class LevelCopier : ShallowCopier<LevelValues>;
