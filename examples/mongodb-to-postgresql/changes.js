// A day in the shop: mongosh "$MONGODB_URL" changes.js
const shop = db.getSiblingDB("ecommerce");
shop.orders.updateMany({ user_id: { $lte: 100 } }, { $set: { state: "shipped", shipped_at: new Date() } });
shop.orders.deleteMany({ user_id: { $gt: 990 } });
shop.users.updateOne({ _id: 7 }, { $set: { "address.country": "BE", newsletter: true } });
shop.users.replaceOne({ _id: 8 }, { name: "Somebody else", email: "else@example.com" });
shop.coupons.insertOne({ _id: "SPRING", percent: 10 });
db.getSiblingDB("support").tickets.updateOne({ _id: "T-1" }, { $set: { open: false } });
