return utils.getSignedUrl("shop-invoices", "2026/A-7.pdf");
