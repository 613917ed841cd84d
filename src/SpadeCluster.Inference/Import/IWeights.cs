namespace SpadeCluster.Inference.Import;

/// <summary>Where a graph builder takes named weights from.</summary>
internal interface IWeights
{
    /// <exception cref="SpadeException">InvalidArgument: no such tensor, or one of another shape.</exception>
    float[] Get(string name, params int[] shape);
}
