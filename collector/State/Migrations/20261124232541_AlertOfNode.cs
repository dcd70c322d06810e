using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class AlertOfNode : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_alerts_ContainerId_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts");

            migrationBuilder.CreateIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts",
                columns: new[] { "ContainerId", "Node", "LineagePid", "LineageStartUnixNs", "Namespace", "Image" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_alerts_ContainerId_Node_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts");

            migrationBuilder.CreateIndex(
                name: "IX_alerts_ContainerId_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts",
                columns: new[] { "ContainerId", "LineagePid", "LineageStartUnixNs", "Namespace", "Image" },
                unique: true);
        }
    }
}
