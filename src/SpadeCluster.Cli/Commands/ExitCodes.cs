namespace SpadeCluster.Cli.Commands;

internal static class ExitCodes
{
    public const int Usage = 2, BadData = 3, NotFound = 4, Unavailable = 5, Cancelled = 130;

    public static int Of(SpadeError error) => error switch
    {
        SpadeError.NotFound => NotFound,
        SpadeError.Unavailable => Unavailable,
        _ => BadData,
    };
}
