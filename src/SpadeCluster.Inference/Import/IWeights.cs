namespace SpadeCluster.Inference.Import;

/// <summary>Named weights for a graph builder.</summary>
internal interface IWeights
{
    /// <exception cref="SpadeException">InvalidArgument: no such tensor, or one of another shape.</exception>
    float[] Get(string name, params int[] shape);
}
