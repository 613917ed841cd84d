namespace SpadeCluster.Scoring;

/// <summary>Connected components (8 neighbours) of a mask.</summary>
public static class ConnectedComponents
{
    /// <summary>Each component's pixel indices, in the order of the components' first pixels.</summary>
    /// <param name="mask">[height][width].</param>
    public static IEnumerable<List<int>> Find(bool[] mask, int width)
    {
        int height = mask.Length / width;
        var seen = new bool[mask.Length];
        var stack = new Stack<int>();
        for (int start = 0; start < mask.Length; start++)
        {
            if (!mask[start] || seen[start]) continue;
            var component = new List<int>();
            seen[start] = true;
            stack.Push(start);
            while (stack.TryPop(out int at))
            {
                component.Add(at);
                var (y, x) = Math.DivRem(at, width);
                for (int ny = Math.Max(y - 1, 0); ny <= Math.Min(y + 1, height - 1); ny++)
                {
                    for (int nx = Math.Max(x - 1, 0); nx <= Math.Min(x + 1, width - 1); nx++)
                    {
                        int next = ny * width + nx;
                        if (!mask[next] || seen[next]) continue;
                        seen[next] = true;
                        stack.Push(next);
                    }
                }
            }
            yield return component;
        }
    }
}
