namespace SpadeCluster.Imaging;

internal static class DecodeError
{
    /// <summary>The error for a file that is damaged or of a kind not supported.</summary>
    public static SpadeException Because(string reason, Exception? inner = null) =>
        new(SpadeError.InvalidArgument, $"cannot decode the image: {reason}", inner);
}
