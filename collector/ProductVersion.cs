using System.Reflection;

namespace RuntimeGuard.Collector;

static class ProductVersion
{
    /// <summary>Of this build, without the source revision.</summary>
    public static readonly string Text =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
}
