namespace SpadeCluster.Grains.Serialization;

/// <summary>Expected failures cross silos with their kind and their sentence; what lies behind them stays in the log.</summary>
[GenerateSerializer, Alias("spade.error"), Immutable]
internal struct SpadeExceptionSurrogate
{
    [Id(0)] public SpadeError Error;
    [Id(1)] public string Message;
}

[RegisterConverter]
internal sealed class SpadeExceptionConverter : IConverter<SpadeException, SpadeExceptionSurrogate>
{
    public SpadeException ConvertFromSurrogate(in SpadeExceptionSurrogate surrogate) => new(surrogate.Error, surrogate.Message);
    public SpadeExceptionSurrogate ConvertToSurrogate(in SpadeException value) => new() { Error = value.Error, Message = value.Message };
}
