namespace SpadeCluster.Cluster.Serialization;

/// <summary>Expected failures are sent with kind and message, without the inner exception.</summary>
[GenerateSerializer, Alias("spade.error"), Immutable]
internal struct SpadeExceptionSurrogate
{
    [Id(0)] public SpadeError Error;
    [Id(1)] public string Message;
    [Id(2)] public TimeSpan? RetryAfter;
    [Id(3)] public bool StorageFull;
}

[RegisterConverter]
internal sealed class SpadeExceptionConverter : IConverter<SpadeException, SpadeExceptionSurrogate>
{
    public SpadeException ConvertFromSurrogate(in SpadeExceptionSurrogate surrogate) =>
        new(surrogate.Error, surrogate.Message) { RetryAfter = surrogate.RetryAfter, StorageFull = surrogate.StorageFull };
    public SpadeExceptionSurrogate ConvertToSurrogate(in SpadeException value) =>
        new() { Error = value.Error, Message = value.Message, RetryAfter = value.RetryAfter, StorageFull = value.StorageFull };
}
