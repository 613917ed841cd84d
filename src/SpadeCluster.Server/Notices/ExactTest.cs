namespace SpadeCluster.Server.Notices;

/// <summary>Tests whether two shares are equal: Fisher's exact test (1934), two-sided by doubling the smaller tail.</summary>
internal static class ExactTest
{
    /// <summary>The probability, if both shares are equal, of counts as far apart as these or farther: of events among
    /// <paramref name="recent"/> trials against those among <paramref name="known"/> trials.</summary>
    public static double Probability(int recentEvents, int recent, int knownEvents, int known)
    {
        int events = recentEvents + knownEvents, lowest = Math.Max(0, events - known), highest = Math.Min(recent, events);
        double below = 0, above = 0;
        for (int k = lowest; k <= highest; k++)
        {
            double p = Math.Exp(LogChoose(recent, k) + LogChoose(known, events - k) - LogChoose(recent + known, events));
            if (k <= recentEvents) below += p;
            if (k >= recentEvents) above += p;
        }
        return Math.Min(1, 2 * Math.Min(below, above));
    }

    private static double LogChoose(int n, int k) => LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);

    private static double LogFactorial(int n)
    {
        double sum = 0;
        for (int i = 2; i <= n; i++) sum += Math.Log(i);
        return sum;
    }
}
